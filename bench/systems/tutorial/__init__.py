"""The chat of the Channels tutorial, as its documentation builds it, without its pages."""
