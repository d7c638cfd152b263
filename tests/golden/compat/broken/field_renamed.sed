s/string code = 3/string secret = 3/
