s/default = 7/default = 8/
