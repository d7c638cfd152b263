s/actions: SEND_MESSAGE/actions: VIEW_ROOM &/
