/ seq = 2/d
