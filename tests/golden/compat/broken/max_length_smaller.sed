s/max_length: 200 description: "What."}\];$/max_length: 100 description: "What."}];/
