"""The front doors: one router each."""
