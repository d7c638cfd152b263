s/ source: TEXT_PAYLOAD//
