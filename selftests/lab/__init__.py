"""Real guests, a real fabric, real failures: what the guest controls are proven on. Root and Debian 12 only."""
