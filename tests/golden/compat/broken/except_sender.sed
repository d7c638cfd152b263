/NOTE_COUNTED" purpose/,/}/s/trigger/except_sender: true trigger/
