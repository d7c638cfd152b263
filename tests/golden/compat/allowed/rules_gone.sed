s/ pattern: "\[A-Z \]\+"//; s/ visible: true//; s/min: 1 max: 10 //; s/min_length: 2 //
