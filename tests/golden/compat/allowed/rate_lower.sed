s/limit: 30 per_seconds: 10/limit: 3 per_seconds: 10/
