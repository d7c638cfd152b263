/name: "READ_NOTE"/a payload_max: 60000
