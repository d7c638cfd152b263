s/max_length: 40 description: "Its words."/format: URL description: "Its words."/
