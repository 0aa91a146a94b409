"""What the study says where the truth is known."""
