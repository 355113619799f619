"""What people see. Assets only: the built client lies in web/static inside the wheel."""
