/GREEN = 2/d
