s/description: "Who."/required: true &/
