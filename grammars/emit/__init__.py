"""How each word of the kit is written as Python. One module for each module of the kit; `compiler` drives them."""
