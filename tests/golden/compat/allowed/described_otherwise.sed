s/description: "[^"]*"/description: "Said otherwise."/; s/purpose: "[^"]*"/purpose: "Said otherwise."/
