s/description: "At most so many."/max: 100 &/
