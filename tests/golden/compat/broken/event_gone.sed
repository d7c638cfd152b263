/rpc ReadNote/,/^  }/d; /^message ReadNote /,/^}/d; /^message ReadNoteReply/,/^}/d
