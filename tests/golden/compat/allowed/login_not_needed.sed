/name: "POST_NOTE"/a authentication: OPTIONAL
