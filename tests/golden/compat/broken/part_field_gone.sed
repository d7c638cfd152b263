/ label = 2/d
