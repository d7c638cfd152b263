s/durable: true //
