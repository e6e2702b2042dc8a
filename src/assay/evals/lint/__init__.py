"""What is wrong with a suite before anybody is asked: finders, one file for each group of mistakes."""
