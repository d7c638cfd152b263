s/max_length: 20 description: "Tags."/pattern: "a+" &/
