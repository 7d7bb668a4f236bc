"""What comes from others: pinned, audited, and under licences that go with ours."""
