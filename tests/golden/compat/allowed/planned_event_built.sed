/planned: true/d
