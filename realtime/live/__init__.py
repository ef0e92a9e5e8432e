"""Making the objects of a model live: one declaration, from which events, signals and topics follow."""
