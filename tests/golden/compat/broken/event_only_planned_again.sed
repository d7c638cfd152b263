/name: "READ_NOTE"/a planned: true
