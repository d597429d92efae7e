"""What each kind of report says, asked of the same functions the API answers with."""
