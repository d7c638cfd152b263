/NOTE_COUNTED" purpose/,/}/s/trigger/durable: true trigger/
