"""The readers: who connects, what each of them heard, and the client they use."""
