s/description: "Who."/format: UUID &/
