"""What gives an answer its score: checks, models that judge, and what is made of several of them."""
