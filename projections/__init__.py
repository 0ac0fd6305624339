"""What is read: one module per question, and the projector that keeps them current. Reads events, never aggregates."""
