s/authentication: OPTIONAL/authentication: REQUIRED/
