/name: "READ_NOTE"/a payload_max: 1000
