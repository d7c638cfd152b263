/ by = 2/d
