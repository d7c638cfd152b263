/GREEN = 2/a BLUE = 3;
