"""Find culture-sensitive neurons in vision-language models and test whether they matter."""
