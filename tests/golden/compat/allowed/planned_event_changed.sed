s/WipeNotes\b/EraseNotes/g; s/WIPE_NOTES/ERASE_NOTES/; s/WipeNotesReply/EraseNotesReply/g
