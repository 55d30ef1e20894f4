"""What the measures themselves are worth: studies that train nothing."""
