"""What the integration tests stand on: registries, images, the program under test, and an oracle that shares no code with it."""
