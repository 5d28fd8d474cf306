"""What demonstrations and lab tests share."""
