s/json_number: true //
