"""What a person looks at when the numbers are there: one HTML page, and plots for papers."""
