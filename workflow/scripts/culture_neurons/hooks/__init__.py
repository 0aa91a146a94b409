"""Where a running model is read and changed; torch alone."""
