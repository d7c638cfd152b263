s/ code = 3/ code = 9/
