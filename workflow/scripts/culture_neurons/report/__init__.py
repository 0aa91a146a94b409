"""Result tables -> CSV files, verdicts, and tables in a terminal for people."""
