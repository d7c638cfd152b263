s/optional string code/repeated string code/; s/pattern: "\[A-Z \]\+"/& max_items: 3/
