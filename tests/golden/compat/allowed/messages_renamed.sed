s/PostNoteReply/PostNoteAnswer/g; s/NoteCounted/NotesCounted/
