/ code = 3/d
