"""Result tables -> CSV files and verdicts for people."""
