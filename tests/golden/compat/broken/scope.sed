s/scope: ROOM_SCOPE durable/scope: COMMUNITY_SCOPE durable/; /name: "POST_NOTE"/a many_streams: true
